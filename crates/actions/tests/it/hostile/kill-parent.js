process.kill(process.ppid, 'SIGKILL');
console.log('ESCAPED');
