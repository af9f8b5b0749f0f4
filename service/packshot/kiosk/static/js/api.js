// Requests to the box. Changes carry the session's CSRF token; a session that the box no longer knows is opened anew.

/** An answer that was no success: `code` for programs, the message for people, `status` 0 when nobody answered. */
export class Problem extends Error {
  constructor(status, code, text, retryAfter = 0) {
    super(text);
    Object.assign(this, { status, code, retryAfter });
  }
}

let session = null;

/** Who this browser is to the box; asked again after the box was restarted. */
export async function openSession() {
  session = await request("GET", "/api/session");
  return session;
}

/** The session as last heard. */
export const who = () => session;

/** Note a session that another request returned. */
export function setSession(fresh) { session = fresh; }

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => changing("POST", path, body);
export const remove = (path, options = {}) => changing("DELETE", path, undefined, options);

async function changing(method, path, body, options = {}) {
  if (!session) await openSession();
  try {
    return await request(method, path, body, options);
  } catch (problem) {
    if (problem.code !== "stale-session") throw problem;
    await openSession();
    return request(method, path, body, options);
  }
}

async function request(method, path, body, options = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Packshot-Csrf"] = session?.csrf ?? "";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), ...options });
  } catch {
    throw new Problem(0, "unreachable", "the box does not answer");
  }
  const text = answer.status === 204 ? "" : await answer.text();
  const data = parsed(text);
  if (!answer.ok) throw new Problem(answer.status, data?.code ?? "error", data?.error ?? answer.statusText, Number(answer.headers.get("retry-after") ?? 0));
  return data;
}

function parsed(text) {
  try { return text ? JSON.parse(text) : null; } catch { return null; }
}
