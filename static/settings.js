/** The values of an experiment as a form has them: texts. Pure. */

/** The text that a field shows for a value; the empty text stands for null. */
export function textOf(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * The value that a text means for a setting. What is no value of its kind stays text: the service says what is wrong
 * with it, in its own words.
 */
export function parsed(setting, text) {
  const trimmed = text.trim();
  if (trimmed === "" && setting.optional) return null;
  if (setting.kind === "text" || setting.kind === "choice") return text;
  try {
    return JSON.parse(trimmed);
  } catch {
    return trimmed;
  }
}

/** The value at a dotted path, undefined where there is none. */
export const valueAt = (experiment, path) => path.split(".").reduce((value, name) => value?.[name], experiment);

export const isSame = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** The command that asks for the same: for a POSIX shell, where nothing inside of '…' has a meaning but the quote. */
export function curlOf(origin, request, needsToken) {
  const body = JSON.stringify(request, null, 1).replace(/\n\s*/g, " ").replaceAll("'", "'\\''");
  const token = needsToken ? `  -H "Authorization: Bearer $TRAINING_API_TOKEN" \\\n` : "";
  return `curl -X POST ${origin}/training/start \\\n${token}  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

/** Which field of the form shows the error of a field of the request. */
const FIELD_OF = { dataset: "dataset", train_data_dir: "dataset", val_data_dir: "dataset", test_data_dir: "dataset" };

/**
 * Sort the service's messages by the fields that they are about: Map of field -> sentences. An override's field is its
 * path; what has no field on the form, such as a section of the experiment, is under "".
 */
export function byField(problem, fields) {
  const told = new Map();
  for (const [key, texts] of Object.entries(problem?.errors ?? {})) {
    const name = FIELD_OF[key] ?? key.replace(/^overrides\./, "");
    const isOnForm = fields.has(name);
    const text = isOnForm ? flat(texts) : `${name}: ${flat(texts)}`;
    const field = isOnForm ? name : "";
    told.set(field, [...new Set([...(told.get(field) ?? []), text])]);
  }
  return told;
}

function flat(texts) {
  if (Array.isArray(texts)) return texts.map(flat).join(" ");
  if (texts !== null && typeof texts === "object")
    return Object.entries(texts)
      .map(([name, inner]) => `${name}: ${flat(inner)}`)
      .join(" ");
  return String(texts);
}
