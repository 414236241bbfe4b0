// Light or dark: as the web page around this one, or else as the reader prefers.

const preferred = (frameElement ? parent : self).matchMedia("(prefers-color-scheme: dark)");
/** Whether the words of the web page around are light. The page must be in a frame, and allowed to look around. */
function isDarkAround() {
  const pixel = document.createElement("canvas").getContext("2d"); // it reads all notations of colours
  pixel.fillStyle = parent.getComputedStyle(frameElement).color;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pixel.getImageData(0, 0, 1, 1).data;
  return red + green + blue > 1.5 * 255;
}
const isDark = () => (frameElement ? isDarkAround() : preferred.matches);
/** Call a function when that may have changed, such as by the button of a web page, which changes an attribute. */
function onTheme(act) {
  preferred.addEventListener("change", act);
  const around = frameElement?.ownerDocument;
  if (around) for (const element of [around.documentElement, around.body]) new MutationObserver(act).observe(element, { attributes: true });
}
