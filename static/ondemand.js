/** Something that `load` loads and creates when it is needed first. If its modules do not arrive, the next call tries again. */
export function onDemand(load) {
  let loading = null;
  return {
    get isWanted() {
      return loading !== null;
    },
    get() {
      loading ??= load().catch((error) => {
        loading = null;
        throw error;
      });
      return loading;
    },
  };
}
