setTimeout(() => { for (;;); }, 0);
