/** The current colours of the style sheet: a canvas takes no custom properties. */

/** Call `changed` when the theme changes. Return the function that ends this. */
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

/** The colour of a custom property at `element`, remembered until `forget()`. */
export function createPalette(element) {
  const cache = new Map();
  return {
    colour(name) {
      if (!cache.has(name)) cache.set(name, getComputedStyle(element).getPropertyValue(name).trim() || "#888");
      return cache.get(name);
    },
    forget: () => cache.clear(),
  };
}
