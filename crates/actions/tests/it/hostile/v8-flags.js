require('v8').setFlagsFromString('--allow-natives-syntax');
const f = new Function('return %GetHeapUsage()');
console.log('ESCAPED', f());
