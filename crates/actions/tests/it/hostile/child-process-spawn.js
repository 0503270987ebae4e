const { spawnSync } = require('node:child_process');
const done = spawnSync('/bin/sh', ['-c', 'echo ESCAPED']);
console.log(done.stdout?.toString());
