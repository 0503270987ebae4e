const { TCP, constants } = process.binding('tcp_wrap');
if (new TCP(constants.SOCKET).bind('127.0.0.1', 0) === 0) console.log('ESCAPED');
