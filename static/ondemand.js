/** Something whose module is loaded when it is needed first. */
import { Refused } from "./api.js";

const NOT_LOADED = {
  code: 0,
  message: "This part of the page did not load. Reload the page to try again.",
  errors: {},
};

/** `load()` imports the module, and `create(module)` makes what it is for. */
export function onDemand(load, create = (module) => module) {
  let [loading, created] = [null, null];

  async function import_() {
    const module = await load().catch((error) => {
      loading = null; // The next call tries again.
      throw new Refused(NOT_LOADED, { cause: error });
    });
    created = create(module);
    return created;
  }

  return {
    /** What was created; null before. */
    get created() {
      return created;
    },
    get() {
      loading ??= import_();
      return loading;
    },
  };
}
