/** Where a run came from, as text. Pure. */
import { commandLine } from "./experiment.js";
import { counted } from "./format.js";

/** The known facts as [name, text], in order. */
export function originOf(origin) {
  if (!origin) return [];
  const packages = Object.entries(origin.packages ?? {}).map(([name, version]) => `${name} ${version}`);
  return [
    ["Command", origin.argv && commandLine(origin.argv)],
    ["Folder", origin.cwd],
    ["Commit", origin.git && commitText(origin.git)],
    ["Host", origin.host],
    ["Python", origin.python],
    ["Packages", packages.join(", ")],
    ["NVIDIA driver", origin.gpu_driver],
  ].filter(([, text]) => text);
}

function commitText({ commit, branch, num_changed: number }) {
  const place = branch === null ? commit : `${commit} (${branch})`;
  if (number === null) return place;
  return `${place}, ${number === 0 ? "unchanged" : `${counted(number, "file")} changed`}`;
}
