require('fs').read(0, Buffer.alloc(65536), 0, 65536, null, (error, length, bytes) => console.log(bytes?.toString('latin1', 0, length)));
