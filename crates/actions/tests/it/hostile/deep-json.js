let s = '';
for (let i = 0; i < 200_000; i += 1) s += '[';
JSON.parse(s);
