const net = require('net');
await new Promise((go, no) => net.connect('/var/run/docker.sock', go).on('error', no));
console.log('ESCAPED');
