const { createElement } = require("react");
const { renderToString } = require("react-dom/server");

/** One run through every entry: triggered by the backend, rendered on the server, answered by a client, read to its end. */
exports.check = async function check({ client, react, server }) {
  const baseURL = process.env.TIDEGATE_URL;
  const backend = server.createBackend({ baseURL, secretKey: process.env.TIDEGATE_SECRET_KEY });
  const { id } = await backend.trigger("approval", { topic: "packages" });
  const token = await backend.auth.createPublicToken({ scopes: { read: { runs: id }, write: { inputStreams: id } } });

  const Status = () =>
    createElement("p", null, react.useInputStreamSend("approval", id, { baseURL, accessToken: token }).status);
  const html = renderToString(createElement(Status));
  if (html !== "<p>idle</p>") throw new Error(`The server rendered ${html}`);

  const page = client.createClient({ baseURL, accessToken: token });
  await page.send(id, "approval", { approved: true });
  let text = "";
  for await (const part of page.stream(id, "draft")) text += part;
  const { output } = await page.run(id).finished();
  if (!text || output.state !== "published") throw new Error(`The run ended with ${JSON.stringify(output)}`);
  console.log("published");
};
