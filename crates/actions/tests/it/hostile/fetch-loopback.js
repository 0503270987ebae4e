for (const host of ['127.0.0.1', 'localhost', '[::1]', '0x7f000001', '0.0.0.0']) {
  const r = await fetch(`http://${host}:22/`).catch(() => null);
  if (r) console.log('ESCAPED', host);
}
