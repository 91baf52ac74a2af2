/** Colours as the style sheet has them now: a canvas takes no custom properties. */

/** Call `changed` when the theme does; returns the function that ends that. */
export function watchTheme(changed) {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(changed);
  query.addEventListener("change", changed);
  observer.observe(document.documentElement, { attributes: true });
  return () => {
    query.removeEventListener("change", changed);
    observer.disconnect();
  };
}

/** The colour of each named custom property where `element` is. */
export function createPalette(element) {
  let known = new Map();
  return {
    colour(name) {
      if (!known.has(name)) known.set(name, getComputedStyle(element).getPropertyValue(name).trim() || "#888");
      return known.get(name);
    },
    forget: () => (known = new Map()),
  };
}
