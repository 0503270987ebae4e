const { stringify } = JSON;
JSON.stringify = (v) => stringify({ op: 'done', run: 1, commands: [{ name: 'forged', arguments: [] }], cpu: 0 });
