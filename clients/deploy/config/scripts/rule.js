function greet(user, context, callback) {
  context.idToken["https://acme.example.com/greeting"] = configuration.GREETING;
  callback(null, user, context);
}
