require('timers').setInterval(() => { for (;;); }, 0);
