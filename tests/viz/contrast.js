// The contrast of every word of the page, as the Web Content Accessibility Guidelines define it: [ratio, words], least first.
(() => {
  const channels = text => text.match(/[\d.]+/g).map(Number);
  const linear = channel => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = element => {
    const color = channels(getComputedStyle(element).backgroundColor);
    return color[3] === 0 && element.parentElement ? behind(element.parentElement) : color;
  };
  const hasWords = node => node.nodeType === Node.TEXT_NODE && node.textContent.trim();
  return [...document.querySelectorAll("header *, aside *, footer *")]
    .filter(element => [...element.childNodes].some(hasWords) && element.offsetParent && !element.closest("svg"))
    .map(element => {
      const [one, other] = [light(channels(getComputedStyle(element).color)), light(behind(element))];
      return [(Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05), element.textContent];
    })
    .sort((one, other) => one[0] - other[0]);
})()
