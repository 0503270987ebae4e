const g = (0, eval)('globalThis');
if (g.native || g.node) console.log('ESCAPED');
new Function('return 1')();
