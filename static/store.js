/** Hold the state, and call every listener with the new and the old state after each action. */
export function createStore(reduce, initial) {
  let state = initial;
  const listeners = [];
  return {
    getState: () => state,
    dispatch(action) {
      const before = state;
      state = reduce(state, action);
      for (const listener of listeners) listener(state, before);
    },
    listen: (listener) => listeners.push(listener),
  };
}
