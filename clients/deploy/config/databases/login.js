function login(email, password, callback) {
  // Customers of the old shop move here when they log in.
  fetch(`${configuration.SHOP}/login`, { method: "POST", body: JSON.stringify({ email, password }) })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new WrongUsernameOrPasswordError(email))))
    .then((customer) => callback(null, { user_id: customer.number, email: customer.email }))
    .catch(callback);
}
