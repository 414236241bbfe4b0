// A picture opens large when it is clicked, or chosen by the keyboard; a click or Escape closes it.
document.addEventListener("DOMContentLoaded", () => {
  const dialog = document.createElement("dialog");
  dialog.className = "enlarged";
  dialog.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  for (const picture of document.querySelectorAll("article img, article .cell_output svg")) {
    if (picture.closest("a")) continue;
    const open = () => {
      dialog.replaceChildren(picture.cloneNode(true));
      dialog.showModal();
    };
    picture.tabIndex = 0;
    picture.setAttribute("role", "button");
    picture.addEventListener("click", open);
    picture.addEventListener("keydown", (event) => {
      if (event.key === "Enter") open();
    });
  }
});
