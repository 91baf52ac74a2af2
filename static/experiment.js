/** An experiment's values by section, as the page of a run shows them. Pure. */
/** The sections of a command. What they leave open is not shown. */
const OF_COMMAND = new Set(["command", "metrics", "log", "models"]);

const ARGUMENTS = new Set(["command.argv", "command.resume"]);

/**
 * A run's experiment as [{name, rows: [{label, value, isChanged, isCommandLine}]}]. Values outside of any section come first, under
 * the name "", then the values of a command's parameters. `overrides` are those of the request.
 */
export function sectionsOf(config, parameters, overrides) {
  const entries = Object.entries(config ?? {});
  const general = entries.filter(([, value]) => !isObject(value) && value !== "");
  const sections = entries.filter(([, value]) => isObject(value));
  const all = [
    { name: "", rows: rowsOf(general, overrides) },
    { name: "parameters", rows: rowsOf(Object.entries(parameters ?? {}), overrides) },
    ...sections.map(([name, value]) => ({ name, rows: rowsOf(valuesOf(name, value), overrides, name.length + 1) })),
  ];
  return all.filter(({ rows }) => rows.length > 0);
}

const rowsOf = (values, overrides, from = 0) =>
  values.map(([path, value]) => ({
    label: path.slice(from),
    value: ARGUMENTS.has(path) ? commandLine(value) : value,
    isChanged: path in overrides,
    isCommandLine: ARGUMENTS.has(path),
  }));

function valuesOf(name, value) {
  const values = leaves(value, name);
  if (!OF_COMMAND.has(name)) return values;
  return values.filter(([path, each]) => !isEmpty(each) && !path.startsWith("command.parameters."));
}

/** An experiment with the values of a command's parameters instead of their declarations. */
export function withValues(config, parameters) {
  if (!parameters || !config?.command) return config;
  const { parameters: _, ...command } = config.command;
  return { ...config, command, parameters };
}

/** A list of arguments as one would type it in a shell. */
export const commandLine = (words) => words.map(quoted).join(" ");

function quoted(word) {
  return /^([\w@%+=:,./{}~-]+|\{[^{}]*\})$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

const isObject = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0;

/** The values inside a value, by dotted path: [[path, value], ...]. An array and an empty object count as one value. */
export function leaves(value, path) {
  if (!isObject(value)) return [[path, value]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, `${path}.${name}`));
}

const isEmpty = (value) => value === null || (typeof value === "object" && Object.keys(value).length === 0);
