const s = require('dgram').createSocket('udp4');
await new Promise((go, no) => s.bind(0, go).on('error', no));
console.log('ESCAPED');
