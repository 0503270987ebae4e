}; console.log(typeof native, typeof node, typeof load); if (typeof native !== 'undefined' || typeof node !== 'undefined') console.log('ESCAPED'); {
