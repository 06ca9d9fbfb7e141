// The HTTP endpoints for the app, and the login of its users.
import { randomBytes } from "node:crypto";
import express from "express";
import { VendorError } from "./vendor.js";

const PIN = "0000"; // of every test user
const LONGEST_NAME = 200;

export function createApp(vendor) {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.enable("strict routing");
  app.enable("case sensitive routing");
  const sessions = new Map(); // session id to app user; lost when the process ends

  /** The user who is logged in, or undefined. Nothing else in a request says who it is for. */
  function appUser(request) {
    const values = request.headersDistinct["x-app-session"] ?? [];
    return values.length === 1 ? sessions.get(values[0]) : undefined;
  }

  app.use((request, response, next) => {
    response.set("Cache-Control", "no-store");
    next();
  });

  app.route("/healthz").get((request, response) => response.json({ status: "ok" })).all(only("GET"));

  app
    .route("/auth/session")
    .post(express.json({ limit: "16kb" }), (request, response) => {
      const login = request.body;
      if (login === undefined || Array.isArray(login)) return refuse(response, 400, "not a JSON object");
      const user = username(login);
      if (user === undefined) return refuse(response, 401, "wrong user or pin");
      const cookie = randomBytes(32).toString("base64url");
      sessions.set(cookie, user);
      response.status(201).json({ data: { cookie } });
    })
    .all(only("POST"));

  app
    .route("/api/health/token")
    .head(only("GET")) // Express would handle it with `get`, and issue a token that is not returned
    .get(async (request, response) => {
      const user = appUser(request);
      if (user === undefined) return refuse(response, 401, "please log in");
      const token = await vendor.signInToken(user);
      response.json({ result: { token } });
    })
    .all(only("GET"));

  app.use((request, response) => refuse(response, 404, "not found"));

  // Express recognises an error handler by its four parameters.
  app.use((error, request, response, next) => {
    if (error instanceof VendorError) {
      console.error(`no sign-in token: ${error.message}`);
      if (error.retryAfter !== undefined) response.set("Retry-After", error.retryAfter);
      return refuse(response, error.status, "the sign-in token cannot be had now; try again later");
    }
    // The JSON parser's errors, `too large` among them.
    if (error.status >= 400 && error.status < 500) return refuse(response, 400, "bad request");
    // Only the type: the text of another library's error may contain secrets.
    console.error(`unexpected ${error?.name}`);
    refuse(response, 500, "internal error");
  });

  return app;
}

function only(method) {
  return (request, response) => refuse(response.set("Allow", method), 405, "method not allowed");
}

function refuse(response, status, error) {
  response.status(status).json({ error });
}

/** Who logs in, or undefined. */
function username({ user, pin }) {
  // JSON allows lone surrogates, which cannot be sent to the vendor.
  const usable = typeof user === "string" && user !== "" && user.length <= LONGEST_NAME && user.isWellFormed();
  return usable && pin === PIN ? user : undefined;
}
