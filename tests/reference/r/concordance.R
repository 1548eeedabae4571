# Harrell's and Uno's C, pair counts, Somers' D and two tests of two C.
# compareC is not in Debian: its variance is written here from Kang et al. 2015 (10.1002/sim.6370).

of_fit <- function(fit) {
  half <- qnorm(0.975) * sqrt(fit$var)
  list(C = fit$concordance, se = sqrt(fit$var), ci = fit$concordance + c(-1, 1) * half,
       counts = as.list(fit$count), n = fit$n)
}

somers_d <- function(time, event, x) {
  # R's survival counts each pair once, Hmisc twice.
  fit <- concordance(Surv(time, event) ~ x, reverse = TRUE)
  count <- as.list(fit$count)
  relevant <- 2 * (count$concordant + count$discordant + count$tied.x)
  list(C = fit$concordance, Dxy = 2 * fit$concordance - 1, sd_dxy = 2 * sqrt(fit$var),
       relevant = relevant, concordant = 2 * count$concordant + count$tied.x,
       uncertain = length(x) * (length(x) - 1) - relevant - 2 * (count$tied.y + count$tied.xy))
}

one_case <- function(d, asked) {
  d$y <- Surv(d[[asked$time]], d$event); d$x <- d[[asked$marker]]
  fit <- function(...) of_fit(concordance(y ~ x, data = d, reverse = TRUE, ...))
  known <- list(
    time = asked$time, marker = asked$marker,
    harrell = fit(), uno_nG2 = fit(timewt = "n/G2"),
    uno_nG2_tau = fit(timewt = "n/G2", ymax = asked$tau), harrell_tau = fit(ymax = asked$tau),
    tau = asked$tau, hmisc_rcorr_cens = somers_d(d[[asked$time]], d$event, d$x))
  known[names(asked)]
}

# The columns and the names of the two markers of which the C are compared.
compared <- function(asked, difference) {
  names <- sub("^C_", "", grep("^C_", names(difference), value = TRUE))
  first <- asked$cases[[1]]$time
  markers <- unlist(lapply(Filter(function(case) case$time == first, asked$cases), `[[`, "marker"))
  list(time = first, names = names,
       columns = sapply(names, function(name) markers[endsWith(markers, name)][1]))
}

by_jackknife <- function(d, asked, difference) {
  of <- compared(asked, difference)
  y <- Surv(d[[of$time]], d$event)
  fits <- lapply(of$columns, function(column)
    concordance(y ~ d[[column]], reverse = TRUE, influence = 1))
  value <- sapply(fits, `[[`, "concordance"); contrast <- c(1, -1)
  covariance <- unname(crossprod(sapply(fits, `[[`, "dfbeta")))
  difference <- sum(contrast * value); se <- sqrt(c(contrast %*% covariance %*% contrast))
  c(setNames(as.list(unname(value)), paste0("C_", of$names)),
    list(vcov = covariance, diff = difference, se = se, z = difference / se,
         p = 2 * pnorm(-abs(difference / se))))
}

# Sums over pairs: a pair's sign of survival times the sign of the score, and whether it counts.
one_shot <- function(d, asked, difference) {
  of <- compared(asked, difference)
  time <- d[[of$time]]; dead <- d$event == 1; n <- length(time)
  first <- outer(seq_len(n), seq_len(n), function(i, j)
    dead[i] & (time[i] < time[j] | (time[i] == time[j] & !dead[j])))
  survives <- t(first) - first
  signs <- lapply(of$columns, function(column)
    survives * sign(outer(-d[[column]], -d[[column]], "-")))
  pairs <- survives^2
  tau <- sapply(signs, sum) / sum(pairs)
  off <- (signs[[1]] - signs[[2]] - (tau[1] - tau[2]) * pairs) / (2 * sum(pairs) / (n * (n - 1)))
  variance <- (4 * sum(rowSums(off)^2) - 2 * sum(off^2)) / (n * (n - 1) * (n - 2) * (n - 3))
  z <- unname((tau[1] - tau[2]) / 2 / sqrt(variance))
  c(setNames(as.list(unname((tau + 1) / 2)), paste0("C_", of$names)),
    list(diff = unname((tau[1] - tau[2]) / 2), var_diff = variance, z = z, p = 2 * pnorm(-abs(z)),
         note = "from the paper's formulas"))
}

answer <- function(folder, set, asked) {
  d <- read.csv(file.path(folder, asked$input), check.names = FALSE)
  out <- asked
  out$meta <- versions("survival")
  out$cases <- lapply(asked$cases, function(case) one_case(d, case))
  if (!is.null(asked$difference_survival))
    out$difference_survival <- by_jackknife(d, asked, asked$difference_survival)
  if (!is.null(asked$difference_compareC))
    out$difference_compareC <- one_shot(d, asked, asked$difference_compareC)
  out
}
