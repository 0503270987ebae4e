const fd = require('fs').openSync(`/proc/${process.ppid || 1}/mem`, 'r');
console.log('ESCAPED', fd);
