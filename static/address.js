/** Where the service is. Every address of ours is relative to the page's <base>: a proxy may show the service below any path. */

/** The address of the first view; it ends in a slash. */
export const ROOT = new URL(".", document.baseURI);
