const { WASI } = require('wasi');
new WASI({ version: 'preview1', preopens: { '/': '/' } });
console.log('ESCAPED');
