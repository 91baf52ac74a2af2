/** The service's address. All of the page's URLs are relative to its <base>, so a proxy may show the service below any path. */

/** The URL of the first view, which ends in a slash. */
export const ROOT = new URL(".", document.baseURI);
