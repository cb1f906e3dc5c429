/** One question to one API server. */
import * as https from "node:https";
import { type ApiAccess, tlsNameOf } from "../../plan/kubeconfig";

const REQUEST_SECONDS = 10;

export interface ApiAnswer {
  /** Of HTTP. */
  status: number;
  body: string;
}

/** Whatever is answered is an answer; rejects when nobody does within ten seconds. */
export function askApi(access: ApiAccess, method: "GET" | "POST", path: string, body?: object): Promise<ApiAnswer> {
  const { host, port, basePath = "", ca, clientCertificate, clientKey, token } = access;
  const text = body && JSON.stringify(body);
  const options: https.RequestOptions = {
    method,
    host,
    port,
    path: basePath + path,
    servername: tlsNameOf(access),
    ca,
    cert: clientCertificate,
    key: clientKey,
    headers: {
      accept: "application/json",
      ...(token && { authorization: `Bearer ${token}` }),
      ...(text && { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
    },
    // No connection outlives its answer: the program must be able to end.
    agent: false,
    signal: AbortSignal.timeout(REQUEST_SECONDS * 1000),
  };
  return new Promise((resolve, reject) => {
    const request = https.request(options, (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (answer += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: answer }));
      response.on("error", reject);
    });
    request.on("error", (error: Error) => {
      const timedOut = error.name === "AbortError" || error.name === "TimeoutError";
      reject(timedOut ? new Error(`no answer from ${host}:${port} within ${REQUEST_SECONDS} s`) : error);
    });
    request.end(text);
  });
}
