/** Let the browser save what is at an address. The service or `name` names the file. */
export function followDownload(href, name = "") {
  Object.assign(document.createElement("a"), { href, download: name }).click();
}

/** Save a file that the page has in memory, under a name. */
export function saveFile(blob, name) {
  const address = URL.createObjectURL(blob);
  followDownload(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
