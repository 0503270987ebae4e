process.stdout.write('not a frame');
process.stderr.write('nor this');
