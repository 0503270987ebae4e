const a = Array.from({ length: 2_000_000 }, (_, i) => (i * 7919) % 2_000_003);
for (;;) a.slice().sort((x, y) => x - y);
