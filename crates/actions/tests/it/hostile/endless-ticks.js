const again = () => process.nextTick(again);
again();
await new Promise(() => {});
