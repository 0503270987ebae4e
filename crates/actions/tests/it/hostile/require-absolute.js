for (const path of ['/etc/passwd', '/proc/self/environ', '/proc/self/maps', '/proc/1/environ']) {
  try { console.log('ESCAPED', require(path)); } catch (error) { if (/root|PATH|heap/.test(error.message)) console.log('ESCAPED', error.message); }
}
