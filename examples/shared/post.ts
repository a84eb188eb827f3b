/** Asks the backend of this page, and gives its answer; what went wrong is a sentence for the person at the page. */
export async function post<T>(path: string, body: object = {}): Promise<T> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => {
    throw new Error("The backend of this page does not answer. Is it still running?");
  });
  const answer = await response
    .json()
    .catch(() => ({ error: `The backend of this page answered ${response.status}.` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
