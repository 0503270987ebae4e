process.kill(-1, 'SIGKILL');
console.log('ESCAPED');
