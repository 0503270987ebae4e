function f() { return f.caller; }
try { const c = f(); if (c && !c.toString().includes('f.caller')) console.log('ESCAPED'); } catch { }
