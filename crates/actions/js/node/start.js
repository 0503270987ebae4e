// Reads the prelude, the first message on standard input, and hands over to it.
(() => {
  'use strict';
  const { readSync } = require('fs');
  const { compileFunction } = require('vm');
  const node = require;

  const read = (length) => {
    const bytes = Buffer.alloc(length);
    for (let got = 0; got < length; ) {
      const more = readSync(0, bytes, got, length - got);
      if (more === 0) process.exit(0);
      got += more;
    }
    return bytes;
  };

  const start = JSON.parse(read(read(4).readUInt32LE(0)));
  const modules = new Map();
  const load = (name) => {
    if (!modules.has(name)) {
      const exports = {};
      modules.set(name, exports);
      const filename = `aught:${name}`;
      compileFunction(start.sources[name], ['exports', 'require', 'node'], { filename })(exports, load, node);
    }
    return modules.get(name);
  };
  load('node/host').start(start);
})();
