import { registerRootComponent } from "expo";

import { platform } from "./device/platform";
import { App } from "./ui/App";

function Root() {
  return <App platform={platform} />;
}

registerRootComponent(Root);
