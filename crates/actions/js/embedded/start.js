// Loads the prelude into a new realm of the embedded engine; answers the functions that the worker calls.
(native) => {
  'use strict';
  const modules = new Map();
  const load = (name) => {
    if (!modules.has(name)) {
      const exports = {};
      modules.set(name, exports);
      native.compile(native.source(name), ['exports', 'require', 'native'], `aught:${name}`)(exports, load, native);
    }
    return modules.get(name);
  };
  return load('embedded/host').start(native.limits());
}
