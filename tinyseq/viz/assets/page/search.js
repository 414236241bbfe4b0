// Search for boxes by label, op, shape and module.

const words = box => `${box.name} ${visibleText(box)} ${Object.entries(story.details[box.name] || {}).flat().join(" ")}`.toLowerCase();
let hits = [];
let hit = -1;
function find() {
  const wanted = byId("search").value.trim().toLowerCase();
  hits = wanted ? [...boxes.values()].filter(box => isAsked(box) && words(box).includes(wanted)) : [];
  hit = -1;
  const found = new Set(hits);
  for (const box of boxes.values()) box.group.classList.toggle("found", found.has(box));
  byId("hits").textContent = wanted ? String(hits.length) : "";
  byId("hits").setAttribute("aria-label", wanted ? `${hits.length} found` : "");
  hush();
}
byId("search").addEventListener("input", find);
byId("search").addEventListener("keydown", event => {
  if (event.key !== "Enter" || !hits.length) return;
  event.preventDefault();
  hit = (hit + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
  byId("hits").textContent = `${hit + 1} of ${hits.length}`;
  const { name } = hits[hit];
  if (isHidden(name)) open(name);
  reveal(hits[hit], true);
  tell(name);
});
/** Unfold and open everything that hides a box. */
function open(name) {
  folded.delete(story.columns[name]);
  for (const text of [...closed]) if (startsWith(modulesOf(name), JSON.parse(text))) closed.delete(text);
  current = null;
  arrange();
}
