import { TidegateProvider } from "tidegate/react";
import { Harbour } from "./harbour";
import { useDesk } from "./use-desk";

export function App() {
  const { desk, problem } = useDesk();
  if (!desk)
    return (
      <p className="opening" role="alert">
        {problem}
      </p>
    );
  return (
    <TidegateProvider baseURL={desk.baseURL} accessToken={desk.accessToken}>
      <Harbour key={desk.desk} desk={desk.desk} />
    </TidegateProvider>
  );
}
