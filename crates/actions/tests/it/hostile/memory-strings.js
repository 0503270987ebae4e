let s = 'x';
const kept = [];
for (;;) { s += s; kept.push(s + Math.random()); }
