function login(email, password, callback) {
  fetch(configuration.DIRECTORY, { method: 'POST', body: JSON.stringify({ email, password }) })
    .then((answer) => answer.json())
    .then((user) => (user.id ? callback(null, user) : callback(new WrongUsernameOrPasswordError(email))))
    .catch(callback);
}
