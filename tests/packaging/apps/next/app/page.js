import { Page } from "../../page.js";

export default async function Home({ searchParams }) {
  const { api, run, token } = await searchParams;
  return <Page api={api} run={run} token={token} />;
}
