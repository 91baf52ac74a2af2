/** Overrides as text: one `path = value` a line; the value is JSON, or else plain text. */
export function parseOverrides(text) {
  const overrides = {};
  const problems = [];
  for (const line of text.split("\n").map((each) => each.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    const at = line.indexOf("=");
    const key = line.slice(0, Math.max(at, 0)).trim();
    if (key === "") problems.push(`“${line}” is not of the form path = value.`);
    else overrides[key] = valueOf(line.slice(at + 1).trim());
  }
  return { overrides, problems };
}

function valueOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
