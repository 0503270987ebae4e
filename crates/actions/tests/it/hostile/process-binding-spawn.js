const { Process } = process.binding('process_wrap');
const p = new Process();
const code = p.spawn({ file: '/bin/sh', args: ['sh', '-c', 'true'], stdio: [{ type: 'ignore' }, { type: 'ignore' }, { type: 'ignore' }] });
if (code === 0) console.log('ESCAPED');
